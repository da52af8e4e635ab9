;; Traps when the host asks for room for the message.
(func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
(func (export "handle") (param $turn i32) (result i32)
  (call $well))
