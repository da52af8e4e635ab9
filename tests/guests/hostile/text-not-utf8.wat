;; Says what is no text.
(data (i32.const 1024) "a\ff\fez")
(func (export "handle") (param $turn i32) (result i32)
  (call $say (i32.const 1024) (i32.const 4))
  (call $well))
