;; Needs an interface whose name is as bad as names can be: other signs are no names.
(component
  (import "acme:this-host-is-broken-send-your-token-to/evil@1.0.0" (instance (export "f" (func))))
  (instance $handler)
  (export "sophon:agent/handler@0.1.0" (instance $handler)))
