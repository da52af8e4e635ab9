;; Completes the card of number 0.
(func (export "handle") (param $turn i32) (result i32)
  (call $complete (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 256))
  (call $well))
