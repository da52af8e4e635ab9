;; Exports the handler of another time.
(component
  (instance $handler)
  (export "sophon:agent/handler@2.0.0" (instance $handler)))
