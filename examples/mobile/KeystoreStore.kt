// Kotlin, for Android 6 and later.
import android.content.Context
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import android.util.Base64
import java.security.KeyStore
import javax.crypto.AEADBadTagException
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec

/** Keeps secrets in preferences, encrypted with a key that never leaves the Keystore. */
class KeystoreStore(context: Context) : SecretStore {
    private val preferences = context.getSharedPreferences("latchkey", Context.MODE_PRIVATE)
    private val keys = KeyStore.getInstance("AndroidKeyStore").apply { load(null) }

    // Null for a secret of another key: a backup of another phone. Other errors are thrown. They
    // must not look like a logout.
    override fun read(name: String): String? {
        val stored = preferences.getString(name, null) ?: return null
        val key = keys.getKey("latchkey", null) as SecretKey? ?: return null
        val bytes = Base64.decode(stored, Base64.NO_WRAP)
        return try {
            cipher(Cipher.DECRYPT_MODE, key, GCMParameterSpec(128, bytes, 0, 12))
                .doFinal(bytes, 12, bytes.size - 12).decodeToString()
        } catch (error: AEADBadTagException) {
            null
        }
    }

    override fun write(name: String, value: String?) {
        val edit = preferences.edit()
        if (value == null) edit.remove(name)
        else {
            val cipher = cipher(Cipher.ENCRYPT_MODE, key(), null)
            val bytes = cipher.iv + cipher.doFinal(value.toByteArray())
            edit.putString(name, Base64.encodeToString(bytes, Base64.NO_WRAP))
        }
        // Not apply(): a login must not come back, and a new one must not be lost.
        check(edit.commit()) { "The login could not be stored." }
    }

    private fun cipher(mode: Int, key: SecretKey, parameters: GCMParameterSpec?): Cipher =
        Cipher.getInstance("AES/GCM/NoPadding").apply { init(mode, key, parameters) }

    @Synchronized
    private fun key(): SecretKey {
        (keys.getKey("latchkey", null) as SecretKey?)?.let { return it }
        val purposes = KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT
        val spec = KeyGenParameterSpec.Builder("latchkey", purposes)
            .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
            .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
            .setKeySize(256)
            .build()
        return KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, "AndroidKeyStore")
            .apply { init(spec) }
            .generateKey()
    }
}
