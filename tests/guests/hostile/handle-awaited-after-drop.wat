;; Waits for an operation that it dropped.
(func (export "handle") (param $turn i32) (result i32)
  (i32.store (i32.const 1024) (call $op))
  (call $drop-op (i32.load (i32.const 1024)))
  (call $wait (i32.const 1024) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 256))
  (call $well))
