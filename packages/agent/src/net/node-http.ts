// Node's HTTP. An `import` of it reads each of its exports, and one, WebSocket, loads a second HTTP client
// with its streams: some megabytes of every agent.

export const http = process.getBuiltinModule('node:http')
