;; Sends a request with four thousand million headers.
(func (export "handle") (param $turn i32) (result i32)
  (call $start (i32.const 48) (i32.const 3) (i32.const 64) (i32.const 16) (i32.const 0) (i32.const -1) (i32.const 0)
    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 256))
  (call $well))
