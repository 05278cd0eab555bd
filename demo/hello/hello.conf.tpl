port = {port}
greeting = {greeting}
