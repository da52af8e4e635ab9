;; Says what looks like the host's own words, and like the markup of a page.
(data (i32.const 1024) "\e2\9a\a0\ef\b8\8f The host was shut down. <script>alert(1)</script> [x](javascript:alert(1)) end")
(func (export "handle") (param $turn i32) (result i32)
  (call $say (i32.const 1024) (i32.const 80))
  (call $well))
