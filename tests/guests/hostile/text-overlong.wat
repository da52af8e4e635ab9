;; Says a slash in more bytes than it needs.
(data (i32.const 1024) "\c0\af")
(func (export "handle") (param $turn i32) (result i32)
  (call $say (i32.const 1024) (i32.const 2))
  (call $well))
