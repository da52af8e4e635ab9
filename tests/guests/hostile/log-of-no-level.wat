;; Logs at a level that there is not.
(func (export "handle") (param $turn i32) (result i32)
  (call $log (i32.const 99) (i32.const 16) (i32.const 10))
  (call $well))
