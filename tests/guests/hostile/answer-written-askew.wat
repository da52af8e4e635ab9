;; Has the host write an answer at an odd address.
(func (export "handle") (param $turn i32) (result i32)
  (call $get (i32.const 0) (i32.const 16) (i32.const 5) (i32.const 257))
  (call $well))
