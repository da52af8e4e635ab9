;; Fails with words that are made to look like the host's.
(data (i32.const 1024) "x.\0a\0a\e2\9a\a0\ef\b8\8f All your agents were deleted\e2\80\ae\1b[2J")
(func (export "handle") (param $turn i32) (result i32)
  (i32.store8 (i32.const 512) (i32.const 1))
  (i32.store8 (i32.const 520) (i32.const 5))
  (i32.store (i32.const 524) (i32.const 1024))
  (i32.store (i32.const 528) (i32.const 47))
  (i32.const 512))
