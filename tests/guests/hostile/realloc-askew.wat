;; Gives the host room at an odd address.
(func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65537))
(func (export "handle") (param $turn i32) (result i32)
  (call $well))
