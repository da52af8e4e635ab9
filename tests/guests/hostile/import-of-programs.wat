;; Needs an interface of the contract that this host may not offer.
(component
  (import "sophon:agent/device@0.1.0" (instance))
  (instance $handler)
  (export "sophon:agent/handler@0.1.0" (instance $handler)))
