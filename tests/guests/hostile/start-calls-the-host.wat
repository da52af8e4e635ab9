;; Speaks before it is ever called.
(func $first (call $say (i32.const 16) (i32.const 10)))
(start $first)
(func (export "handle") (param $turn i32) (result i32)
  (i32.store8 (i32.const 512) (i32.const 0))
  (i32.store8 (i32.const 520) (i32.const 0))
  (i32.const 512))
