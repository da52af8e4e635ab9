;; Gives the host the same room for everything.
(func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536))
(func (export "handle") (param $turn i32) (result i32)
  (call $well))
