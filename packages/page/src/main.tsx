// Starts the page.

import { render } from 'preact'
import { AppContext } from './parts/app-context.ts'
import { App } from './state/app.ts'
import { createSettings } from './state/settings.ts'
import './styles/tokens.css'
import './styles/query-bar.css'
import './styles/layout.css'
import './styles/fields.css'
import './styles/lines.css'
import './styles/panels.css'
import { Shell } from './views/shell.tsx'

const settings = createSettings(localStorage, sessionStorage, navigator.languages)
const app = new App({ settings, window })
app.start()
render(
  <AppContext.Provider value={app}>
    <Shell />
  </AppContext.Provider>,
  document.querySelector('#app')!,
)
