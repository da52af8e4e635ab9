;; Logs lines that look like others', and escapes of a terminal.
(data (i32.const 1024) "x\0a2026-01-01T00:00:00Z ERROR sophon_host: all is lost\1b[2J")
(func (export "handle") (param $turn i32) (result i32)
  (call $log (i32.const 4) (i32.const 1024) (i32.const 59))
  (call $well))
