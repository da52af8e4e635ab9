;; Computes for ever when the host asks for room for the message.
(func (export "realloc") (param i32 i32 i32 i32) (result i32) (loop $on (br $on)) (i32.const 0))
(func (export "handle") (param $turn i32) (result i32)
  (call $well))
