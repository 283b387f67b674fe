// SPDX-License-Identifier: Apache-2.0
//! Bolt's side of nvbind, in Rust, through the C interface: what GPUs there are, an engine that nvbind drives, a
//! gaming CDI spec, a program in a capsule.
//!
//!     rustc --edition 2021 bolt.rs -L native=/usr/lib/x86_64-linux-gnu && ./bolt DIRECTORY [IMAGE COMMAND...]
//!
//! DIRECTORY is where CDI specs go. NVBIND_EXAMPLE_ROOT, _PROFILES and _BOLT name a simulated machine, profiles and a
//! bolt that are not installed.

#[allow(non_camel_case_types)]
mod nvbind;

use nvbind::{c_string, call, ops, sys, text, BoltRuntime, Error, Result};
use std::ffi::{c_char, c_int, CStr, CString};
use std::{env, mem, process, ptr};

/// A manager of the library's: NvbindGpuManager.
struct Manager(*mut sys::nvb_manager);

impl Manager {
    fn new() -> Result<Self> {
        let root = env::var("NVBIND_EXAMPLE_ROOT").ok().map(|s| c_string(&s)).transpose()?;
        let profiles = env::var("NVBIND_EXAMPLE_PROFILES").ok().map(|s| c_string(&s)).transpose()?;
        let bolt = env::var("NVBIND_EXAMPLE_BOLT").ok().map(|s| c_string(&s)).transpose()?;
        let pointer = |s: &Option<CString>| s.as_ref().map_or(ptr::null(), |s| s.as_ptr());
        // Zero and NULL are the defaults of everything but the size.
        let mut host: sys::nvb_inventory_options = unsafe { mem::zeroed() };
        let mut config: sys::nvb_bolt_config = unsafe { mem::zeroed() };
        let mut manager = ptr::null_mut();
        host.size = mem::size_of_val(&host);
        host.root = pointer(&root);
        config.size = mem::size_of_val(&config);
        config.inventory = &host;
        config.profiles = pointer(&profiles);
        config.bolt = pointer(&bolt);
        call(|e| unsafe { sys::nvb_manager_new(&config, &mut manager, e) })?;
        Ok(Manager(manager))
    }

    fn get_gpu_info(&self) -> Result<Vec<String>> {
        let (mut list, mut count) = (ptr::null_mut(), 0);
        call(|e| unsafe { sys::nvb_manager_gpus(self.0, &mut list, &mut count, e) })?;
        let mut found = Vec::new();
        for i in 0..count {
            let gpu = unsafe { *list.add(i) };
            let name = unsafe { text(gpu.name) }.unwrap_or("of unknown make".into());
            found.push(format!("GPU {}: {}, {}", gpu.index, name, unsafe { text(gpu.uuid) }.unwrap_or_default()));
        }
        unsafe { sys::release(list) };
        Ok(found)
    }

    fn check_bolt_gpu_compatibility(&self) -> Result<String> {
        let mut found: sys::nvb_bolt_compatibility = unsafe { mem::zeroed() };
        found.size = mem::size_of_val(&found);
        call(|e| unsafe { sys::nvb_manager_bolt_compatibility(self.0, &mut found, e) })?;
        let said = unsafe { text(if found.compatible { found.driver_version } else { found.reason }) };
        Ok(format!("compatible: {}, {}", found.compatible, said.unwrap_or_default()))
    }

    fn run_with_bolt_runtime(&self, image: &str, command: &[String], gpus: &str) -> Result<i32> {
        let (image, gpus) = (c_string(image)?, c_string(gpus)?);
        let words = command.iter().map(|w| c_string(w)).collect::<Result<Vec<_>>>()?;
        let mut list: Vec<*const c_char> = words.iter().map(|w| w.as_ptr()).collect();
        let mut status: c_int = 125;
        list.push(ptr::null());
        call(|e| unsafe {
            sys::nvb_manager_run(self.0, image.as_ptr(), list.as_ptr(), gpus.as_ptr(), &mut status, e)
        })?;
        Ok(status)
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        unsafe { sys::nvb_manager_free(self.0) }
    }
}

/// An engine with one capsule on its way: what it is told becomes a request, the request a plan.
struct Engine<'a> {
    manager: &'a Manager,
    request: *mut sys::nvb_request,
    plan: String,
    told: Vec<String>,
}

impl<'a> Engine<'a> {
    fn new(manager: &'a Manager) -> Result<Self> {
        let mut request = ptr::null_mut();
        call(|e| unsafe { sys::nvb_request_new(&mut request, e) })?;
        Ok(Engine { manager, request, plan: String::new(), told: Vec::new() })
    }
}

impl Drop for Engine<'_> {
    fn drop(&mut self) {
        unsafe { sys::nvb_request_free(self.request) }
    }
}

impl BoltRuntime for Engine<'_> {
    const NAME: &'static CStr = unsafe { CStr::from_bytes_with_nul_unchecked(b"bolt-rs\0") };

    fn configure_gpu_isolation(&mut self, _capsule: &str, mode: &str) -> Result<()> {
        let text = c_string(mode)?;
        self.told.push(format!("isolation {mode}"));
        call(|e| unsafe { sys::nvb_request_set_isolation(self.request, text.as_ptr(), e) })
    }

    fn setup_gaming_optimization(&mut self, _: &str, config: &sys::nvb_bolt_gaming_gpu_config) -> Result<()> {
        self.told.push(format!("gaming {}", unsafe { text(config.performance_profile) }.unwrap_or_default()));
        call(|e| unsafe { sys::nvb_manager_add_gaming(self.manager.0, self.request, config, e) })
    }

    fn apply_cdi_devices(&mut self, capsule: &str, devices: &[String]) -> Result<()> {
        println!("{capsule} gets {}", devices.join(", "));
        Ok(())
    }

    fn setup_gpu_for_capsule(&mut self, _capsule: &str, gpus: &[String]) -> Result<()> {
        let (mut plan, mut json) = (ptr::null_mut(), ptr::null_mut());
        self.told.push(format!("GPUs {}", gpus.join(",")));
        for gpu in gpus {
            let gpu = c_string(gpu)?;
            call(|e| unsafe { sys::nvb_request_add_gpus(self.request, gpu.as_ptr(), e) })?;
        }
        call(|e| unsafe { sys::nvb_manager_plan(self.manager.0, self.request, 0, ptr::null(), &mut plan, e) })?;
        let made = call(|e| unsafe { sys::nvb_plan_to_json(plan, &mut json, e) });
        if made.is_ok() {
            self.plan = unsafe { text(json) }.unwrap_or_default();
        }
        unsafe {
            sys::release(json);
            sys::nvb_plan_free(plan);
        }
        made
    }
}

fn capsule_config(
    gpus: &[*const c_char], isolation: &sys::nvb_bolt_isolation, game: &sys::nvb_bolt_gaming_gpu_config, snapshot: bool,
) -> sys::nvb_bolt_capsule_config {
    let mut config: sys::nvb_bolt_capsule_config = unsafe { mem::zeroed() };
    config.size = mem::size_of_val(&config);
    config.gpus = gpus.as_ptr();
    config.isolation = isolation;
    config.gaming = game;
    config.snapshot_gpu_state = snapshot;
    config
}

fn setup(manager: &Manager, engine: &mut Engine, config: &sys::nvb_bolt_capsule_config) -> Result<()> {
    let (table, name) = (ops::<Engine>(), c_string("gaming-workstation")?);
    let runtime: *mut Engine = engine;
    call(|e| unsafe {
        sys::nvb_manager_setup_capsule(manager.0, &table, runtime.cast(), name.as_ptr(), config, e)
    })
}

fn apply_spec(manager: &Manager, engine: &mut Engine, game: &sys::nvb_bolt_gaming_gpu_config, dir: &str) -> Result<()> {
    let (table, dir) = (ops::<Engine>(), c_string(dir)?);
    let (device, name) = (c_string("all")?, c_string("gaming-workstation")?);
    let runtime: *mut Engine = engine;
    let mut spec = ptr::null_mut();
    call(|e| unsafe { sys::nvb_manager_gaming_cdi_spec(manager.0, game, &mut spec, e) })?;
    println!("a spec of {}", unsafe { text(sys::nvb_cdi_spec_kind(spec)) }.unwrap_or_default());
    let applied = call(|e| unsafe {
        sys::nvb_cdi_spec_apply(spec, dir.as_ptr(), device.as_ptr(), &table, runtime.cast(), name.as_ptr(), e)
    });
    unsafe { sys::nvb_cdi_spec_free(spec) };
    applied
}

fn work(arguments: &[String]) -> Result<i32> {
    let directory = arguments.first().ok_or_else(|| Error::new(nvbind::INVALID, "usage: bolt DIRECTORY [IMAGE...]"))?;
    let manager = Manager::new()?;
    let (all, exclusive, profile) = (c_string("all")?, c_string("exclusive")?, c_string("ultra-low-latency")?);
    let mut isolation: sys::nvb_bolt_isolation = unsafe { mem::zeroed() };
    let mut game: sys::nvb_bolt_gaming_gpu_config = unsafe { mem::zeroed() };
    isolation.size = mem::size_of_val(&isolation);
    isolation.mode = exclusive.as_ptr();
    game.size = mem::size_of_val(&game);
    game.performance_profile = profile.as_ptr();

    for gpu in manager.get_gpu_info()? {
        println!("{gpu}");
    }
    println!("{}", manager.check_bolt_gpu_compatibility()?);

    let gpus = [all.as_ptr(), ptr::null()];
    let mut engine = Engine::new(&manager)?;
    setup(&manager, &mut engine, &capsule_config(&gpus, &isolation, &game, false))?;
    println!("told: {}", engine.told.join("; "));
    println!("a plan of {} bytes", engine.plan.len());

    // What the engine cannot do comes back as its own words.
    let mut other = Engine::new(&manager)?;
    match setup(&manager, &mut other, &capsule_config(&gpus, &isolation, &game, true)) {
        Err(error) => println!("refused: {error}"),
        Ok(()) => return Err(Error::new(nvbind::INVALID, "a snapshot was granted")),
    }
    apply_spec(&manager, &mut engine, &game, directory)?;
    match arguments.get(1) {
        Some(image) => manager.run_with_bolt_runtime(image, &arguments[2..], "all"),
        None => Ok(0),
    }
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match work(&arguments) {
        Ok(status) => process::exit(status),
        Err(error) => {
            eprintln!("bolt-rs: {error}");
            process::exit(125);
        }
    }
}
