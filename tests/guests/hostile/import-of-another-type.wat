;; Needs `reply.write` with another type.
(component
  (import "sophon:agent/reply@0.1.0" (instance (export "write" (func (param "text" u64)))))
  (instance $handler)
  (export "sophon:agent/handler@0.1.0" (instance $handler)))
