;; Ends well, and says nothing.
(func (export "handle") (param $turn i32) (result i32)
  (drop (call $well))
  (i32.store8 (i32.const 520) (i32.const 0))
  (i32.const 512))
