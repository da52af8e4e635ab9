;; Calls the host while it hands over the message.
(func (export "realloc") (param i32 i32 i32 i32) (result i32) (call $say (i32.const 16) (i32.const 5)) (i32.const 65536))
(func (export "handle") (param $turn i32) (result i32)
  (call $well))
