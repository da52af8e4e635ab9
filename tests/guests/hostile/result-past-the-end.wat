;; Returns an outcome that lies where its memory ends.
(func (export "handle") (param $turn i32) (result i32)
  (drop (call $well))
  
  (i32.const 2147483640))
