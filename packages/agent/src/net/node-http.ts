// Node's HTTP, loaded without `import`. An `import` evaluates every export, and one of them, WebSocket,
// loads a second HTTP client with its streams: some megabytes in every agent.

export const http = process.getBuiltinModule('node:http')
