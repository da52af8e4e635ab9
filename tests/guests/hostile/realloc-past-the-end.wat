;; Gives the host room where its memory ends.
(func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0x7ffffff8))
(func (export "handle") (param $turn i32) (result i32)
  (call $well))
