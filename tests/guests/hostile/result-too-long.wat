;; Returns more text than it may write.
(func (export "handle") (param $turn i32) (result i32)
  (drop (call $well))
  (drop (memory.grow (i32.const 10)))
  (memory.fill (i32.const 131072) (i32.const 97) (i32.const 100000))
  (i32.store (i32.const 524) (i32.const 131072))
  (i32.store (i32.const 528) (i32.const 100000))
  (i32.const 512))
