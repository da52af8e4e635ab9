;; Calls the host after its answer.
(func (export "post-return") (param i32) (call $say (i32.const 16) (i32.const 5)))
(func (export "handle") (param $turn i32) (result i32)
  (call $well))
