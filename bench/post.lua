-- A form of the size of a short comment, for wrk.
wrk.method = "POST"
wrk.body = "site=demo&name=Bob&body=" .. string.rep("I+was+there.", 30)
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
