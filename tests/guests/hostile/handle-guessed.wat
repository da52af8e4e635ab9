;; Completes a card that it never opened.
(func (export "handle") (param $turn i32) (result i32)
  (call $complete (i32.const 12345) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 256))
  (call $well))
