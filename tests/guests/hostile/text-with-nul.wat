;; Says text with a NUL, escapes of a terminal, and an end of line that is none.
(data (i32.const 1024) "a\00b\1b[2Jc\e2\80\a8d\08\0de")
(func (export "handle") (param $turn i32) (result i32)
  (call $say (i32.const 1024) (i32.const 16))
  (call $well))
