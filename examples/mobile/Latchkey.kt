// Kotlin, for Android. It needs nothing but the platform.
import java.io.IOException
import java.net.HttpURLConnection
import java.net.URL
import org.json.JSONException
import org.json.JSONObject

/** A code of Latchkey; `network`: no reply of Latchkey arrived; `logged_out`: log in first. */
class LatchkeyException(
    val code: String,
    val retryAfter: Int = 0,
    val reasons: List<String> = emptyList(),
    cause: Throwable? = null,
) : Exception(code, cause)

/** Encrypted storage that survives restarts of the app. */
interface SecretStore {
    fun read(name: String): String?
    fun write(name: String, value: String?)
}

class Reply(val status: Int, val text: String, val headers: Map<String, List<String>>) {
    fun header(name: String) = headers[name].orEmpty()
}

/**
 * Blocks: call it off the main thread. One object for the whole app.
 *
 * @param now milliseconds that also count sleep: `SystemClock::elapsedRealtime`
 */
class Latchkey(
    private val api: String,
    private val store: SecretStore,
    private val now: () -> Long,
) {
    private val refreshLock = Any()
    private var login = store.read("login")?.let { JSONObject(it) }
    private var token: String? = null
    private var expires = 0L

    /** The user as of the last reply, also offline; null: logged out. */
    @get:Synchronized
    val user: JSONObject?
        get() = login?.getJSONObject("user")

    fun signIn(email: String, password: String): JSONObject {
        val body = JSONObject().put("email", email).put("password", password)
        return keep(JSONObject(post("/login", body).text))
    }

    /** Ends the login here at once. Throws if the server could not be told. */
    fun signOut() {
        val ended = forget() ?: return
        post("/logout", JSONObject().put("refresh_token", ended.getString("refresh_token")))
    }

    /** Sends a request with the token. After a 401 it repeats the request once. */
    fun call(method: String, path: String, body: JSONObject? = null): Reply {
        val used = accessToken()
        val reply = send(method, path, body, used)
        if (reply.status != 401) return reply
        synchronized(this) {
            // Another call may have renewed it meanwhile.
            if (token == used) token = null
        }
        return send(method, path, body, accessToken())
    }

    /** A token for the next request. Calls at the same time share one refresh. */
    fun accessToken(): String = current() ?: synchronized(refreshLock) { current() ?: refresh() }

    @Synchronized
    private fun current(): String? = token?.takeIf { now() < expires }

    private fun refresh(): String {
        val used = synchronized(this) { login } ?: throw LatchkeyException("logged_out")
        try {
            val body = JSONObject().put("refresh_token", used.getString("refresh_token"))
            val reply = JSONObject(post("/refresh", body).text)
            synchronized(this) {
                // A logout or another login came first: this reply is too late.
                if (login !== used) throw LatchkeyException("logged_out")
                keep(reply)
            }
            return reply.getString("access_token")
        } catch (error: LatchkeyException) {
            // The only refusal that ends the login. All others keep it.
            if (error.code == "invalid_refresh_token")
                synchronized(this) { if (login === used) forget() }
            throw error
        }
    }

    @Synchronized
    private fun keep(reply: JSONObject): JSONObject {
        val kept = JSONObject()
            .put("refresh_token", reply.getString("refresh_token"))
            .put("user", reply.getJSONObject("user"))
        token = reply.getString("access_token")
        expires = now() + (reply.getLong("expires_in") - 30) * 1000
        login = kept
        store.write("login", kept.toString())
        return kept.getJSONObject("user")
    }

    @Synchronized
    private fun forget(): JSONObject? {
        val ended = login
        login = null
        token = null
        store.write("login", null)
        return ended
    }

    private fun post(path: String, body: JSONObject): Reply {
        val reply = send("POST", path, body, null)
        if (reply.status == 204) return reply
        val parsed = try {
            JSONObject(reply.text)
        } catch (error: JSONException) {
            // The page of a hotel's network, or a gateway that cannot reach Latchkey.
            throw LatchkeyException("network", cause = error)
        }
        if (reply.status in 200..299) return reply
        val reasons = parsed.optJSONArray("reasons")
        throw LatchkeyException(
            parsed.optString("code", "network"),
            reply.header("retry-after").firstOrNull()?.toIntOrNull() ?: 0,
            (0 until (reasons?.length() ?: 0)).map { reasons!!.getString(it) },
        )
    }

    private fun send(method: String, path: String, body: JSONObject?, bearer: String?): Reply {
        val connection = URL(api + path).openConnection() as HttpURLConnection
        try {
            connection.requestMethod = method
            connection.connectTimeout = 10_000
            connection.readTimeout = 30_000
            connection.instanceFollowRedirects = false
            if (bearer != null) connection.setRequestProperty("Authorization", "Bearer $bearer")
            // The phone is a known device: strangers who guess cannot lock its owner out.
            store.read("device")?.let { connection.setRequestProperty("Cookie", it) }
            if (body != null) {
                connection.doOutput = true
                connection.setRequestProperty("Content-Type", "application/json")
                connection.outputStream.use { it.write(body.toString().toByteArray()) }
            }
            val status = connection.responseCode
            val stream = if (status < 400) connection.inputStream else connection.errorStream
            val text = stream?.use { it.readBytes().decodeToString() }.orEmpty()
            val headers = connection.headerFields.filterKeys { it != null }
                .mapKeys { it.key.lowercase() }
            val reply = Reply(status, text, headers)
            reply.header("set-cookie").map { it.substringBefore(';') }
                .find { it.substringBefore('=').endsWith("latchkey-device") }
                ?.let { store.write("device", it) }
            return reply
        } catch (error: IOException) {
            throw LatchkeyException("network", cause = error)
        } finally {
            connection.disconnect()
        }
    }
}
