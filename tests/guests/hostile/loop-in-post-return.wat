;; Answers, and computes for ever when the host has read it.
(func (export "post-return") (param i32) (loop $on (br $on)))
(func (export "handle") (param $turn i32) (result i32)
  (call $well))
