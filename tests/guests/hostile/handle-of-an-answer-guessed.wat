;; Reads the status of an answer that never came.
(func (export "handle") (param $turn i32) (result i32)
  (drop (call $status (i32.const 1)))
  (call $well))
