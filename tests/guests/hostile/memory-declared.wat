;; Declares a second memory of 4 GiB.
(memory 65536)
(func (export "handle") (param $turn i32) (result i32)
  (call $well))
