;; Is a core module.
(module (func (export "handle")))
