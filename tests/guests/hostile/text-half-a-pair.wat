;; Says half of a pair of surrogates.
(data (i32.const 1024) "\ed\a0\80")
(func (export "handle") (param $turn i32) (result i32)
  (call $say (i32.const 1024) (i32.const 3))
  (call $well))
