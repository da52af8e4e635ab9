;; Exports a handler that handles nothing.
(component
  (instance $handler)
  (export "sophon:agent/handler@0.1.0" (instance $handler)))
