// Node's HTTP, loaded with require. An `import` evaluates each export, and one of them, WebSocket, loads a
// second HTTP client with its streams: some megabytes in every agent.

export const http = process.getBuiltinModule('node:http')
