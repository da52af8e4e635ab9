;; Says text that is read from right to left.
(data (i32.const 1024) "\e2\80\aeabc\e2\81\a6def\0a")
(func (export "handle") (param $turn i32) (result i32)
  (call $say (i32.const 1024) (i32.const 13))
  (call $well))
