;; Needs the contract of another time.
(component
  (import "sophon:agent/reply@0.9.0" (instance))
  (instance $handler)
  (export "sophon:agent/handler@0.1.0" (instance $handler)))
