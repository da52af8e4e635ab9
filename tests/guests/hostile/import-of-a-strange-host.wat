;; Needs what no host of agents has.
(component
  (import "acme:root/shell@1.0.0" (instance (export "run" (func (param "line" string)))))
  (instance $handler)
  (export "sophon:agent/handler@0.1.0" (instance $handler)))
