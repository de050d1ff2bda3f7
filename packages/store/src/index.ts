export { type LoadedStoreConfig, loadStoreConfig, type StoreConfig } from './config.ts'
export { storeConfigSchema } from './config-schema.ts'
export { ConfigError, type ConfigProblem } from './errors.ts'
export { type Store, type StoreOptions, startStore } from './store.ts'
