// SPDX-License-Identifier: Apache-2.0
//! libnvbind from Rust: the part of its C interface that the example uses, declared by hand, and thin types over it.
//! Layouts are those of nvbind/bolt.h, nvbind/request.h and nvbind/error.h; `check_sizes` holds them against the
//! library at run time, since every structure carries its own size.

use std::ffi::{c_char, c_int, c_uint, c_void, CStr, CString};
use std::{fmt, ptr};

/// Declarations of the C interface.
pub mod sys {
    use super::*;

    macro_rules! opaque { ($($name:ident),*) => { $(#[repr(C)] pub struct $name { _private: [u8; 0] })* } }
    opaque!(nvb_error, nvb_manager, nvb_request, nvb_plan, nvb_bolt_cdi_spec);

    #[repr(C)]
    pub struct nvb_log {
        pub level: c_int,
        pub emit: Option<unsafe extern "C" fn(*mut c_void, c_int, *const c_char)>,
        pub data: *mut c_void,
    }

    #[repr(C)]
    pub struct nvb_inventory_options {
        pub size: usize,
        pub root: *const c_char,
        pub driver_root: *const c_char,
        pub dev_root: *const c_char,
        pub proc_root: *const c_char,
        pub sys_root: *const c_char,
        pub library_path: *const *const c_char,
        pub cache_directory: *const c_char,
        pub no_cache: bool,
        pub log: *const nvb_log,
    }

    #[repr(C)]
    pub struct nvb_bolt_config {
        pub size: usize,
        pub inventory: *const nvb_inventory_options,
        pub profiles: *const c_char,
        pub cdi_directories: *const *const c_char,
        pub bolt: *const c_char,
        pub hook: *const c_char,
        pub ask_nvml: bool,
        pub strict: bool,
        pub log: *const nvb_log,
    }

    #[repr(C)]
    #[derive(Clone, Copy)]
    pub struct nvb_gpu_info {
        pub size: usize,
        pub index: u32,
        pub minor: u32,
        pub uuid: *const c_char,
        pub name: *const c_char,
        pub pci_address: *const c_char,
        pub numa_node: c_int,
        pub memory_bytes: u64,
        pub compute_major: c_int,
        pub compute_minor: c_int,
        pub mig_devices: u32,
    }

    #[repr(C)]
    pub struct nvb_bolt_compatibility {
        pub size: usize,
        pub compatible: bool,
        pub reason: *const c_char,
        pub features: c_uint,
        pub gpu_count: usize,
        pub platform: c_int,
        pub driver: c_int,
        pub driver_version: *const c_char,
        pub module_version: *const c_char,
    }

    #[repr(C)]
    pub struct nvb_bolt_isolation {
        pub size: usize,
        pub mode: *const c_char,
        pub memory_limit: *const c_char,
        pub compute_limit: *const c_char,
        pub mig_match: *const c_char,
    }

    #[repr(C)]
    pub struct nvb_bolt_gaming_gpu_config {
        pub size: usize,
        pub dlss_enabled: c_int,
        pub rt_cores_enabled: c_int,
        pub wine_optimizations: c_int,
        pub vrs_enabled: c_int,
        pub performance_profile: *const c_char,
        pub power_profile: *const c_char,
    }

    #[repr(C)]
    pub struct nvb_bolt_aiml_config {
        pub size: usize,
        pub profile: *const c_char,
        pub mig_enabled: c_int,
        pub tensor_cores_enabled: c_int,
        pub memory_pool_enabled: c_int,
    }

    #[repr(C)]
    pub struct nvb_bolt_capsule_config {
        pub size: usize,
        pub gpus: *const *const c_char,
        pub docker_gpus: *const *const c_char,
        pub cdi_devices: *const *const c_char,
        pub profiles: *const *const c_char,
        pub capabilities: *const c_char,
        pub isolation: *const nvb_bolt_isolation,
        pub gaming: *const nvb_bolt_gaming_gpu_config,
        pub aiml: *const nvb_bolt_aiml_config,
        pub snapshot_gpu_state: bool,
    }

    type Op<T> = Option<unsafe extern "C" fn(*mut c_void, *const c_char, *const T, *mut *mut nvb_error) -> c_int>;

    #[repr(C)]
    pub struct nvb_bolt_runtime_ops {
        pub size: usize,
        pub name: *const c_char,
        pub configure_gpu_isolation: Op<nvb_bolt_isolation>,
        pub setup_gaming_optimization: Op<nvb_bolt_gaming_gpu_config>,
        pub setup_aiml_optimization: Op<nvb_bolt_aiml_config>,
        pub apply_cdi_devices: Op<*const c_char>,
        pub setup_gpu_for_capsule: Op<nvb_bolt_capsule_config>,
        pub enable_gpu_snapshot: Op<nvb_bolt_capsule_config>,
    }

    #[link(name = "nvbind")]
    extern "C" {
        pub fn nvb_error_message(error: *const nvb_error) -> *const c_char;
        pub fn nvb_error_hint(error: *const nvb_error) -> *const c_char;
        pub fn nvb_error_code(error: *const nvb_error) -> c_int;
        pub fn nvb_error_set(
            error: *mut *mut nvb_error, code: c_int, message: *const c_char, hint: *const c_char,
        ) -> c_int;
        pub fn nvb_error_free(error: *mut nvb_error);
        pub fn nvb_manager_new(
            config: *const nvb_bolt_config, manager: *mut *mut nvb_manager, error: *mut *mut nvb_error,
        ) -> c_int;
        pub fn nvb_manager_free(manager: *mut nvb_manager);
        pub fn nvb_manager_gpus(
            manager: *mut nvb_manager, gpus: *mut *mut nvb_gpu_info, count: *mut usize, error: *mut *mut nvb_error,
        ) -> c_int;
        pub fn nvb_manager_bolt_compatibility(
            manager: *mut nvb_manager, found: *mut nvb_bolt_compatibility, error: *mut *mut nvb_error,
        ) -> c_int;
        pub fn nvb_manager_setup_capsule(
            manager: *mut nvb_manager, ops: *const nvb_bolt_runtime_ops, runtime: *mut c_void,
            capsule: *const c_char, config: *const nvb_bolt_capsule_config, error: *mut *mut nvb_error,
        ) -> c_int;
        pub fn nvb_manager_add_gaming(
            manager: *mut nvb_manager, request: *mut nvb_request, config: *const nvb_bolt_gaming_gpu_config,
            error: *mut *mut nvb_error,
        ) -> c_int;
        pub fn nvb_manager_plan(
            manager: *mut nvb_manager, request: *const nvb_request, layout: c_int, tree: *const c_char,
            plan: *mut *mut nvb_plan, error: *mut *mut nvb_error,
        ) -> c_int;
        pub fn nvb_manager_gaming_cdi_spec(
            manager: *mut nvb_manager, config: *const nvb_bolt_gaming_gpu_config, spec: *mut *mut nvb_bolt_cdi_spec,
            error: *mut *mut nvb_error,
        ) -> c_int;
        pub fn nvb_cdi_spec_kind(spec: *const nvb_bolt_cdi_spec) -> *const c_char;
        pub fn nvb_cdi_spec_apply(
            spec: *const nvb_bolt_cdi_spec, directory: *const c_char, device: *const c_char,
            ops: *const nvb_bolt_runtime_ops, runtime: *mut c_void, capsule: *const c_char,
            error: *mut *mut nvb_error,
        ) -> c_int;
        pub fn nvb_cdi_spec_free(spec: *mut nvb_bolt_cdi_spec);
        pub fn nvb_manager_run(
            manager: *mut nvb_manager, image: *const c_char, command: *const *const c_char, gpus: *const c_char,
            status: *mut c_int, error: *mut *mut nvb_error,
        ) -> c_int;
        pub fn nvb_request_new(request: *mut *mut nvb_request, error: *mut *mut nvb_error) -> c_int;
        pub fn nvb_request_free(request: *mut nvb_request);
        pub fn nvb_request_add_gpus(
            request: *mut nvb_request, selector: *const c_char, error: *mut *mut nvb_error,
        ) -> c_int;
        pub fn nvb_request_set_isolation(
            request: *mut nvb_request, mode: *const c_char, error: *mut *mut nvb_error,
        ) -> c_int;
        pub fn nvb_plan_to_json(plan: *const nvb_plan, json: *mut *mut c_char, error: *mut *mut nvb_error) -> c_int;
        pub fn nvb_plan_free(plan: *mut nvb_plan);
        fn free(pointer: *mut c_void);
    }

    /// What the library gave out by malloc.
    pub unsafe fn release<T>(pointer: *mut T) {
        free(pointer.cast())
    }
}

pub const UNSUPPORTED: i32 = 3;
pub const INVALID: i32 = 1;

/// A failure, as the library says it.
#[derive(Debug)]
pub struct Error {
    pub code: i32,
    pub message: String,
    pub hint: Option<String>,
}

impl Error {
    pub fn new(code: i32, message: &str) -> Self {
        Error { code, message: message.into(), hint: None }
    }

    /// Gives it back to the library, out of one of the functions that it calls.
    unsafe fn give(&self, error: *mut *mut sys::nvb_error) -> c_int {
        let message = CString::new(self.message.replace('\0', " ")).unwrap_or_default();
        sys::nvb_error_set(error, self.code, message.as_ptr(), ptr::null())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

impl std::error::Error for Error {}
pub type Result<T> = std::result::Result<T, Error>;

/// A string of the library's; None for NULL.
pub unsafe fn text(p: *const c_char) -> Option<String> {
    (!p.is_null()).then(|| CStr::from_ptr(p).to_string_lossy().into_owned())
}

pub fn c_string(s: &str) -> Result<CString> {
    CString::new(s).map_err(|_| Error::new(INVALID, "a NUL in a string"))
}

/// Calls a function that takes `nvb_error **` last.
pub fn call(f: impl FnOnce(*mut *mut sys::nvb_error) -> c_int) -> Result<()> {
    let mut error = ptr::null_mut();
    if f(&mut error) >= 0 {
        return Ok(());
    }
    unsafe {
        let said = Error {
            code: sys::nvb_error_code(error),
            message: text(sys::nvb_error_message(error)).unwrap_or_default(),
            hint: text(sys::nvb_error_hint(error)),
        };
        sys::nvb_error_free(error);
        Err(said)
    }
}

/// The engine's side: the trait that an engine implements, as the library's table of functions.
/// The functions that are left as they stand here refuse, which is what leaving them out of the table means.
pub trait BoltRuntime {
    const NAME: &'static CStr;

    fn setup_gpu_for_capsule(&mut self, capsule: &str, gpus: &[String]) -> Result<()>;
    fn apply_cdi_devices(&mut self, _capsule: &str, _devices: &[String]) -> Result<()> {
        Err(Error::new(UNSUPPORTED, "this engine takes no CDI devices"))
    }
    fn enable_gpu_snapshot(&mut self, _capsule: &str) -> Result<()> {
        Err(Error::new(UNSUPPORTED, "this engine takes no snapshots"))
    }
    fn setup_gaming_optimization(
        &mut self, _capsule: &str, _config: &sys::nvb_bolt_gaming_gpu_config,
    ) -> Result<()> {
        Err(Error::new(UNSUPPORTED, "this engine is not for games"))
    }
    fn setup_aiml_optimization(&mut self, _capsule: &str, _config: &sys::nvb_bolt_aiml_config) -> Result<()> {
        Err(Error::new(UNSUPPORTED, "this engine is not for training"))
    }
    fn configure_gpu_isolation(&mut self, capsule: &str, mode: &str) -> Result<()>;
}

unsafe fn words(mut list: *const *const c_char) -> Vec<String> {
    let mut found = Vec::new();
    while !list.is_null() && !(*list).is_null() {
        found.extend(text(*list));
        list = list.add(1);
    }
    found
}

macro_rules! op {
    ($name:ident, $arg:ty, |$r:ident, $capsule:ident, $value:ident| $body:expr) => {
        unsafe extern "C" fn $name<R: BoltRuntime>(
            runtime: *mut c_void, capsule: *const c_char, $value: *const $arg, error: *mut *mut sys::nvb_error,
        ) -> c_int {
            let $r = &mut *runtime.cast::<R>();
            let $capsule = text(capsule).unwrap_or_default();
            let result: Result<()> = $body;
            result.map_or_else(|e| e.give(error), |_| 0)
        }
    };
}

op!(isolation, sys::nvb_bolt_isolation, |r, capsule, v| {
    r.configure_gpu_isolation(&capsule, &text((*v).mode).unwrap_or("shared".into()))
});
op!(gaming, sys::nvb_bolt_gaming_gpu_config, |r, capsule, v| r.setup_gaming_optimization(&capsule, &*v));
op!(aiml, sys::nvb_bolt_aiml_config, |r, capsule, v| r.setup_aiml_optimization(&capsule, &*v));
op!(devices, *const c_char, |r, capsule, v| r.apply_cdi_devices(&capsule, &words(v)));
op!(give, sys::nvb_bolt_capsule_config, |r, capsule, v| r.setup_gpu_for_capsule(&capsule, &words((*v).gpus)));
op!(snapshot, sys::nvb_bolt_capsule_config, |r, capsule, _v| r.enable_gpu_snapshot(&capsule));

/// The table of functions of an engine.
pub fn ops<R: BoltRuntime>() -> sys::nvb_bolt_runtime_ops {
    sys::nvb_bolt_runtime_ops {
        size: std::mem::size_of::<sys::nvb_bolt_runtime_ops>(),
        name: R::NAME.as_ptr(),
        configure_gpu_isolation: Some(isolation::<R>),
        setup_gaming_optimization: Some(gaming::<R>),
        setup_aiml_optimization: Some(aiml::<R>),
        apply_cdi_devices: Some(devices::<R>),
        setup_gpu_for_capsule: Some(give::<R>),
        enable_gpu_snapshot: Some(snapshot::<R>),
    }
}
