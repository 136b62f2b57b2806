// SPDX-License-Identifier: GPL-2.0-only
/*
 * Debian's libmicrohttpd.a is built with TLS by GnuTLS, which cannot be linked statically: p11-kit,
 * on which it depends, has no archive. Nothing here asks for TLS, so of GnuTLS only
 * gnutls_global_init() and gnutls_global_deinit() are ever called, and both have nothing to do.
 * Weak, so that linking against shared objects (STATIC=) takes the real ones.
 */

/* GnuTLS declares them otherwise; but nobody here sees that, and what is called takes nothing. */
#define STAND_IN(name)                                                                             \
	int name(void);                                                                            \
	__attribute__((weak)) int name(void)                                                       \
	{                                                                                          \
		return 0;                                                                          \
	}

STAND_IN(gnutls_global_init)
STAND_IN(gnutls_global_deinit)
STAND_IN(gnutls_alpn_set_protocols)
STAND_IN(gnutls_bye)
STAND_IN(gnutls_certificate_allocate_credentials)
STAND_IN(gnutls_certificate_free_credentials)
STAND_IN(gnutls_certificate_server_set_request)
STAND_IN(gnutls_certificate_set_dh_params)
STAND_IN(gnutls_certificate_set_retrieve_function2)
STAND_IN(gnutls_certificate_set_retrieve_function3)
STAND_IN(gnutls_certificate_set_x509_key_mem)
STAND_IN(gnutls_certificate_set_x509_key_mem2)
STAND_IN(gnutls_certificate_set_x509_trust_mem)
STAND_IN(gnutls_cipher_get)
STAND_IN(gnutls_credentials_set)
STAND_IN(gnutls_deinit)
STAND_IN(gnutls_dh_params_deinit)
STAND_IN(gnutls_dh_params_import_pkcs3)
STAND_IN(gnutls_dh_params_init)
STAND_IN(gnutls_handshake)
STAND_IN(gnutls_init)
STAND_IN(gnutls_malloc)
STAND_IN(gnutls_priority_deinit)
STAND_IN(gnutls_priority_init)
STAND_IN(gnutls_priority_set)
STAND_IN(gnutls_protocol_get_version)
STAND_IN(gnutls_psk_allocate_server_credentials)
STAND_IN(gnutls_psk_free_server_credentials)
STAND_IN(gnutls_psk_set_server_credentials_function)
STAND_IN(gnutls_record_check_pending)
STAND_IN(gnutls_record_get_direction)
STAND_IN(gnutls_record_recv)
STAND_IN(gnutls_record_send)
STAND_IN(gnutls_session_get_ptr)
STAND_IN(gnutls_session_set_ptr)
STAND_IN(gnutls_strerror)
STAND_IN(gnutls_transport_set_int2)
