;; Says text of 4 GiB, from the first byte on.
(func (export "handle") (param $turn i32) (result i32)
  (call $say (i32.const 0) (i32.const -1))
  (call $well))
