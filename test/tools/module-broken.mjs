// A tool module that cannot be loaded.
throw new Error('hunter2-connection-string')
