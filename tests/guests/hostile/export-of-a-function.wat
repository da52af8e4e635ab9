;; Exports a function in the handler's name.
(component
  (core module $m (func (export "handle")))
  (core instance $i (instantiate $m))
  (func $handle (canon lift (core func $i "handle")))
  (export "sophon:agent/handler@0.1.0" (func $handle)))
