;; Fails in a way that there is not.
(func (export "handle") (param $turn i32) (result i32)
  (drop (call $well))
  (i32.store8 (i32.const 512) (i32.const 1))
  (i32.store8 (i32.const 520) (i32.const 42))
  (i32.const 512))
