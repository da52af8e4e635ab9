;; Exports a `handle` that takes a number.
(component
  (core module $m (func (export "handle") (param i32)))
  (core instance $i (instantiate $m))
  (func $handle (param "turn" u32) (canon lift (core func $i "handle")))
  (instance $handler (export "handle" (func $handle)))
  (export "sophon:agent/handler@0.1.0" (instance $handler)))
