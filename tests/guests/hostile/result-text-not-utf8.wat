;; Returns what is no text.
(func (export "handle") (param $turn i32) (result i32)
  (drop (call $well))
  (i32.store8 (i32.const 1024) (i32.const 255))
  (i32.store (i32.const 524) (i32.const 1024))
  (i32.const 512))
