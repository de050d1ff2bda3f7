// The window that asks who somebody is: by user and password, or by a token.

import { useSignal } from '@preact/signals'
import { StoreError } from '../errors.ts'
import { useApp } from '../parts/app-context.ts'
import { Dialog } from '../parts/dialog.tsx'

export function SignInDialog() {
  const app = useApp()
  const t = app.texts.value.signIn
  const [user, password, token] = [useSignal(''), useSignal(''), useSignal('')]
  const problem = useSignal('')
  const submit = async () => {
    const isToken = token.value.trim() !== ''
    if (!isToken && (user.value === '' || password.value === '')) return
    try {
      await app.signIn(
        isToken ? { token: token.value.trim() } : { user: user.value, password: password.value },
      )
    } catch (error) {
      const isWrong = error instanceof StoreError && error.status === 401
      problem.value = isWrong ? t.isWrong : app.describe(error)
    }
  }
  return (
    <Dialog title={t.title} onClose={() => (app.dialog.value = '')}>
      <form
        class="sign-in-form"
        onSubmit={event => {
          event.preventDefault()
          void submit()
        }}
      >
        <p>{t.hint}</p>
        <label>
          {t.user}
          <input
            type="text"
            autocomplete="username"
            value={user.value}
            onInput={event => (user.value = event.currentTarget.value)}
          />
        </label>
        <label>
          {t.password}
          <input
            type="password"
            autocomplete="current-password"
            value={password.value}
            onInput={event => (password.value = event.currentTarget.value)}
          />
        </label>
        <label>
          {t.token}
          <input
            type="password"
            autocomplete="off"
            value={token.value}
            onInput={event => (token.value = event.currentTarget.value)}
          />
        </label>
        <p role="alert" class="sign-in-problem">
          {problem.value}
        </p>
        <button type="submit" class="button primary">
          {t.submit}
        </button>
      </form>
    </Dialog>
  )
}
